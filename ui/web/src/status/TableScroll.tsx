import type { ReactNode } from "react";
import "./table.css";

/** A table that scrolls sideways by itself where the window is narrow, by keys too. */
export function TableScroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="table-scroll" role="region" aria-label={label} tabIndex={0}>
      <table className="table">{children}</table>
    </div>
  );
}
