/** UTF-8, strict. Declares the two platform classes it uses, so that layers without DOM types can use it as well. */

interface Platform {
  readonly TextEncoder: new () => {
    encode(text: string): Uint8Array<ArrayBuffer>;
    encodeInto(text: string, into: Uint8Array): { readonly written: number };
  };
  readonly TextDecoder: new (
    label: string,
    options: { readonly fatal: boolean; readonly ignoreBOM: boolean },
  ) => { decode(bytes: Uint8Array): string };
}

const { TextEncoder, TextDecoder } = globalThis as unknown as Platform;
const encoder = new TextEncoder();
// ignoreBOM keeps a leading U+FEFF: to a database it is a character like any other.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8 = {
  encode: (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text),
  /** The count of bytes written. `into` must have three for each of the text's UTF-16 code units. */
  encodeInto: (text: string, into: Uint8Array): number => encoder.encodeInto(text, into).written,
  /** Undefined when `bytes` are not valid UTF-8. */
  decode: (bytes: Uint8Array): string | undefined => {
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined; // The only thing a fatal decoder throws is "not UTF-8", which is the answer.
    }
  },
} as const;
