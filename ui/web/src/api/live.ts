import { useSyncExternalStore } from "react";
import type { MeshEvent } from "./event";
import type { Graph } from "./graph";
import { History } from "./history";

export type LiveStatus = "connecting" | "live" | "lost";

/** The one event source: the graph each second and events as they come. */
export class Live {
  graph: Graph | undefined;
  status: LiveStatus = "connecting";
  readonly history = new History();
  private source: EventSource | undefined;
  private readonly readers = new Set<() => void>();
  private readonly eventReaders = new Set<(e: MeshEvent) => void>();

  /** Opens the stream; the browser reopens it by itself when it breaks. */
  open(): () => void {
    const source = new EventSource("/api/v1/live");
    this.source = source;
    source.onopen = () => this.set("live");
    source.onerror = () => {
      this.set("lost");
      // Refused, not broken: the browser gives up then, so ask again ourselves.
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        this.source = undefined;
        setTimeout(() => this.source ?? this.open(), 3000);
      }
    };
    source.addEventListener("graph", (m: MessageEvent<string>) => this.take(JSON.parse(m.data) as Graph));
    source.addEventListener("event", (m: MessageEvent<string>) => {
      const event = JSON.parse(m.data) as MeshEvent;
      for (const read of this.eventReaders) read(event);
    });
    return () => {
      this.source?.close();
      this.source = undefined;
    };
  }

  onEvent(read: (e: MeshEvent) => void): () => void {
    this.eventReaders.add(read);
    return () => this.eventReaders.delete(read);
  }

  subscribe = (reader: () => void): (() => void) => {
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  };

  private take(graph: Graph) {
    this.graph = graph;
    this.history.add(graph);
    this.set("live");
  }

  private set(status: LiveStatus) {
    this.status = status;
    for (const read of this.readers) read();
  }
}

export const live = new Live();

/** The newest graph, undefined before the first. */
export function useLiveGraph(): Graph | undefined {
  return useSyncExternalStore(live.subscribe, () => live.graph);
}

export function useLiveStatus(): LiveStatus {
  return useSyncExternalStore(live.subscribe, () => live.status);
}
