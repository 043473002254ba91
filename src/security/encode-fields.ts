/**
 * One byte string of several fields, such that different fields never give the same bytes: each is preceded by its
 * length as u16, big-endian. What a MAC or an AEAD is to bind goes through here.
 */

/** @throws RangeError when a field is longer than 65,535 bytes */
export const encodeFields = (fields: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> => {
  const encoded = fields.map((field) => (typeof field === "string" ? new TextEncoder().encode(field) : field));
  const bytes = new Uint8Array(encoded.reduce((total, field) => total + 2 + field.length, 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const field of encoded) {
    if (field.length > 0xffff) throw new RangeError("a field has at most 65,535 bytes");
    view.setUint16(offset, field.length);
    bytes.set(field, offset + 2);
    offset += 2 + field.length;
  }
  return bytes;
};
