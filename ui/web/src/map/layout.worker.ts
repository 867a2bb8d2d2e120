import { layout, type LayoutInput } from "./layout";

interface Job {
  n: number;
  input: LayoutInput;
}

addEventListener("message", (m: MessageEvent<Job>) => {
  postMessage({ n: m.data.n, layout: layout(m.data.input) });
});
