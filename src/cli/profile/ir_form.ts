// The forms of `profile --ir`.
import { IR_FORMS, type IrForm } from "../../profile/kernel/compiler_text.ts";
import { InputError } from "../../tensor/error.ts";

/** Reads the form of `--ir`. */
export function irForm(name: string): IrForm {
  const form = IR_FORMS.find((one) => one === name);
  if (form === undefined) throw new InputError(`--ir ${name}: expected ${IR_FORMS.join(", ")}`);
  return form;
}
