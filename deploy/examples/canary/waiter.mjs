// The program that calls: it asks the service "menu" what there is, and hands on the
// headers that routing and tracing live by. It knows nothing of the mesh: "menu" is a port
// of its own sidecar.
//
// waiter.mjs PORT MENU-PORT
import http from "node:http";

const [port, menu] = process.argv.slice(2).map(Number);
const handedOn = ["x-preview", "traceparent", "tracestate", "x-request-id"];

http.createServer((request, response) => {
  const headers = {};
  for (const name of handedOn) {
    if (request.headers[name]) headers[name] = request.headers[name];
  }
  http.request({ port: menu, path: "/", method: request.method, headers }, (answer) => {
    response.statusCode = answer.statusCode;
    answer.pipe(response);
  }).on("error", (fault) => {
    response.statusCode = 502;
    response.end(`menu: ${fault.message}\n`);
  }).end();
}).listen(port, "127.0.0.1");
