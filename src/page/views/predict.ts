// Prediction: a moment and a student in, six depth maps and a point cloud out.
import type { Client } from "../client.ts";
import { cloudView } from "../draw/point_cloud.ts";
import { drawPanorama } from "../draw/panorama.ts";
import { element, statusLine } from "../element.ts";
import type { PredictChoice, StudentChoice } from "../messages.ts";

/** Fills the view; the result is called when it is shown. */
export function predictView(place: HTMLElement, client: Client): () => void {
  const student = element(
    "select",
    { name: "student" },
    element("option", { value: "sample" }, "sample student"),
    element("option", { value: "trained" }, "the student of this tab"),
  );
  const next = element("button", { class: "main" }, "Next street");
  const files = element("input", { type: "file", multiple: true, hidden: true });
  const choose = element("button", {}, "Choose files");
  const drop = element(
    "div",
    { class: "drop" },
    "Drop six images and their rig.json here, or a student.safetensors. ",
    choose,
    files,
  );
  const status = statusLine();
  const panorama = element("div", { id: "predict-panorama" });
  const canvas = element("canvas", {
    class: "cloud",
    tabindex: 0,
    role: "img",
    "aria-label": "point cloud of the predicted depth; drag to orbit",
  });
  const caption = element("span", { class: "faint" });
  const result = element(
    "div",
    { hidden: true },
    element(
      "div",
      { class: "card" },
      element("div", { class: "head" }, element("h2", {}, "Panorama"), caption),
      panorama,
    ),
    element(
      "div",
      { class: "card" },
      element(
        "div",
        { class: "head" },
        element("h2", {}, "Point cloud"),
        element("span", { class: "faint" }, "drag to orbit, scroll to zoom"),
      ),
      canvas,
    ),
  );
  place.append(
    element(
      "div",
      { class: "card" },
      element("h2", {}, "Predict depth around the car"),
      element(
        "p",
        { class: "lead" },
        "Metres for every pixel of six cameras, computed on your GPU.",
      ),
      element("div", { class: "row" }, element("label", {}, "student", student), next),
      drop,
      status.line,
    ),
    result,
  );

  const cloud = cloudView(canvas);
  let index = 0;
  let isBusy = false;
  let moment: PredictChoice = { kind: "builtin", index };
  let dropped: StudentChoice | null = null;
  const predict = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    next.disabled = true;
    status.say(moment.kind === "builtin" ? "rendering the street" : "reading the images");
    try {
      const chosen: StudentChoice =
        student.value === "file" && dropped !== null
          ? dropped
          : { kind: student.value === "trained" ? "trained" : "sample" };
      const views = await client.ask("predict", { moment, student: chosen });
      result.hidden = false;
      drawPanorama(panorama, views);
      cloud.show(views);
      const truth = views.truth_m === null ? "" : ", truth";
      caption.textContent = `${views.title}: image, ${views.by}${truth}`;
      status.say("");
    } catch (error) {
      status.fail(error);
    }
    isBusy = false;
    next.disabled = false;
  };
  const take = async (list: readonly File[]): Promise<void> => {
    const weights = list.find(({ name }) => name.endsWith(".safetensors"));
    if (weights !== undefined) {
      dropped = {
        kind: "file",
        name: weights.name,
        bytes: new Uint8Array(await weights.arrayBuffer()),
      };
      student.querySelector("[value=file]")?.remove();
      student.append(element("option", { value: "file" }, weights.name));
      student.value = "file";
    }
    const rig = list.find(({ name }) => name === "rig.json");
    const images = list.filter((file) => file !== weights && file !== rig);
    if (rig !== undefined) moment = { kind: "files", rig: await rig.text(), images };
    else if (images.length > 0) {
      status.fail(new Error("rig.json is missing: drop it together with the images"));
      return;
    }
    await predict();
  };
  next.addEventListener("click", () => {
    moment = { kind: "builtin", index: index++ };
    void predict();
  });
  student.addEventListener("change", () => void predict());
  choose.addEventListener("click", () => files.click());
  files.addEventListener("change", () => void take([...(files.files ?? [])]));
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    void take([...(event.dataTransfer?.files ?? [])]);
  });
  let isShown = false;
  return () => {
    if (isShown) return;
    isShown = true;
    next.click();
  };
}
