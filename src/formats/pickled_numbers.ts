// Pickles of one dictionary of whole numbers, such as the table of scenes that VFDepth ships. A pickle
// is a program that may run anything; only the opcodes that such a dictionary needs are known here, and
// any other is refused. Source: Python's Lib/pickletools.py, protocols 2 to 5.
import { InputError } from "../tensor/error.ts";

const MARK = Symbol("mark");
const DICT = Symbol("dictionary");

type Item = number | typeof MARK | typeof DICT;

/**
 * The dictionary of a pickle. Throws InputError, naming `file`, for anything that is not one dictionary
 * of whole numbers, and for a key that is there twice.
 */
export function readPickledNumbers(bytes: Uint8Array, file: string): Map<number, number> {
  const refuse = (why: string): never => {
    throw new InputError(
      `${file}: ${why}; only a pickled dictionary of whole numbers is read (save it as .json)`,
    );
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const numbers = new Map<number, number>();
  const stack: Item[] = [];
  const put = (items: readonly Item[]): void => {
    for (let i = 0; i < items.length; i += 2) {
      const [key, value] = [items[i], items[i + 1]];
      if (typeof key !== "number" || typeof value !== "number") return refuse("has another value");
      if (numbers.has(key)) refuse(`key ${key} appears twice`);
      numbers.set(key, value);
    }
    if (stack.at(-1) !== DICT) refuse("its entries belong to no dictionary");
  };
  let at = 0;
  try {
    for (;;) {
      const opcode = String.fromCharCode(view.getUint8(at++));
      switch (opcode) {
        case "\x80": // PROTO
        case "q": // BINPUT
          at += 1;
          break;
        case "\x95": // FRAME
          at += 8;
          break;
        case "r": // LONG_BINPUT
          at += 4;
          break;
        case "\x94": // MEMOIZE
          break;
        case "}":
          if (stack.length > 0 || numbers.size > 0) refuse("has more than one dictionary");
          stack.push(DICT);
          break;
        case "(":
          stack.push(MARK);
          break;
        case "K":
          stack.push(view.getUint8(at));
          at += 1;
          break;
        case "M":
          stack.push(view.getUint16(at, true));
          at += 2;
          break;
        case "J":
          stack.push(view.getInt32(at, true));
          at += 4;
          break;
        case "s": // SETITEM
          put(stack.splice(-2));
          break;
        case "u": {
          const mark = stack.lastIndexOf(MARK);
          if (mark < 0) refuse("its entries have no beginning");
          put(stack.splice(mark).slice(1));
          break;
        }
        case ".":
          if (stack.length !== 1 || stack[0] !== DICT) refuse("is not one dictionary");
          return numbers;
        default:
          refuse(`opcode ${opcode.charCodeAt(0)} at byte ${at - 1} is not known`);
      }
    }
  } catch (error) {
    if (error instanceof RangeError) return refuse("is cut short");
    throw error;
  }
}
