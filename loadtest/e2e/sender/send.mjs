// Sends a span in each of OTLP's encodings to the address given (http://host:port), with an
// attribute of each type that the SDK lets through (it drops bytes and maps), and prints the
// ids of their traces by encoding.
import { OTLPTraceExporter as JSONExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const url = process.argv[2] + "/v1/traces";
const attributes = {
  text: "é\n",
  "text.empty": "",
  int: 7,
  "int.most": Number.MAX_SAFE_INTEGER,
  "int.least": -Number.MAX_SAFE_INTEGER,
  double: 0.5,
  "double.large": 1.5e-300,
  bool: true,
  "bool.no": false,
  list: ["a", ""],
  "list.empty": [],
  "list.numbers": [1, 2.5],
  "list.bools": [true, false],
};
const ids = {};
for (const [encoding, Exporter] of Object.entries({ json: JSONExporter, protobuf: ProtobufExporter })) {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": "node", "process.pid": 4711, "process.command_args": ["node", "send.mjs"] }),
    spanProcessors: [new SimpleSpanProcessor({ exporter: new Exporter({ url }) })],
  });
  const span = provider.getTracer("sender").startSpan("typed", { attributes });
  span.addEvent("typed", attributes);
  ids[encoding] = span.spanContext().traceId;
  span.end();
  await provider.forceFlush();
  await provider.shutdown();
}
console.log(JSON.stringify(ids));
