/** How many (de)compressions are under way: simulated time must not pass while threads that it knows nothing of work. */

type Transform = CompressionStream | DecompressionStream;

/** Watches the streams that this process makes from now on, until `end`. */
export const watchStreams = (): { readonly pending: () => number; readonly end: () => void } => {
  const originals = { CompressionStream, DecompressionStream };
  let pending = 0;

  const watched = (Original: new (format: CompressionFormat) => Transform) =>
    class {
      readonly writable: Transform["writable"];
      readonly readable: Transform["readable"];

      constructor(format: CompressionFormat) {
        const stream = new Original(format);
        pending += 1;
        this.writable = stream.writable;
        const done = (): void => {
          pending -= 1;
        };
        this.readable = stream.readable.pipeThrough(new TransformStream({ flush: done }));
      }
    };

  Object.assign(globalThis, {
    CompressionStream: watched(originals.CompressionStream),
    DecompressionStream: watched(originals.DecompressionStream),
  });
  return { pending: () => pending, end: () => Object.assign(globalThis, originals) };
};
