import { Tooltip } from "radix-ui";
import type { ReactElement } from "react";
import "./tip.css";

/** A short text that explains its child on hover and focus. */
export function Tip({ text, children, side = "top" }: { text: string; children: ReactElement; side?: "top" | "right" | "bottom" }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className="tip" side={side} sideOffset={6} collisionPadding={8}>
          {text}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
