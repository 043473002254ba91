/** SQLite's numbers that Ledger uses. @see https://www.sqlite.org/c3ref/constlist.html */

export const ResultCode = {
  ok: 0,
  error: 1,
  busy: 5,
  noMemory: 7,
  ioError: 10,
  notFound: 12,
  full: 13,
  cannotOpen: 14,
  constraint: 19,
  auth: 23,
  row: 100,
  done: 101,
  ioErrorShortRead: 522,
} as const;

export const OpenFlag = {
  readOnly: 0x1,
  readWrite: 0x2,
  create: 0x4,
  deleteOnClose: 0x8,
  uri: 0x40,
} as const;

export const FileControl = {
  beginAtomicWrite: 31,
  commitAtomicWrite: 32,
  rollbackAtomicWrite: 33,
} as const;

export const DeviceCharacteristic = {
  batchAtomic: 0x4000,
} as const;

/** Action codes of the authorizer. @see https://www.sqlite.org/c3ref/c_alter_table.html */
export const AuthAction = {
  createIndex: 1,
  createTable: 2,
  createTempIndex: 3,
  createTempTable: 4,
  createTempTrigger: 5,
  createTempView: 6,
  createTrigger: 7,
  createView: 8,
  delete: 9,
  dropIndex: 10,
  dropTable: 11,
  dropTempIndex: 12,
  dropTempTable: 13,
  dropTempTrigger: 14,
  dropTempView: 15,
  dropTrigger: 16,
  dropView: 17,
  insert: 18,
  pragma: 19,
  read: 20,
  select: 21,
  transaction: 22,
  update: 23,
  attach: 24,
  detach: 25,
  alterTable: 26,
  reindex: 27,
  analyze: 28,
  createVirtualTable: 29,
  dropVirtualTable: 30,
  function: 31,
  savepoint: 32,
  recursive: 33,
} as const;
