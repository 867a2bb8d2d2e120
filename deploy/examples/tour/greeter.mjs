// The tour's second program: it answers with what it finds at the service "files".
// It knows nothing of the mesh: "files" is a port of its own sidecar.
import http from "node:http";

http.createServer((request, response) => {
  http.get("http://127.0.0.1:9101/LICENSE", (answer) => {
    let text = "";
    answer.on("data", (part) => { text += part; });
    answer.on("end", () => response.end(`hello; files answered ${answer.statusCode} with ${text.length} bytes\n`));
  }).on("error", (fault) => { response.statusCode = 502; response.end(`files: ${fault.message}\n`); });
}).listen(9002, "127.0.0.1");
