import { useEffect, useId, useRef, type ReactNode } from "react";
import "./dialog.css";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
  actions?: ReactNode;
  wide?: boolean;
  stay?: boolean; // a click beside it does not close it: it holds what is not to be had again
}

/**
 * A modal dialog on the platform's own element, which traps the focus, closes with
 * Esc and gives the focus back. (A scripted one would have to inject a style element,
 * which the content policy forbids.)
 */
export function Dialog({ title, onClose, children, actions, wide, stay }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const d = ref.current;
    d?.showModal();
    return () => d?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      className={`dialog${wide ? " dialog-wide" : ""}`}
      aria-labelledby={id}
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
      onClick={(e) => {
        if (e.target === ref.current && !stay) onClose(); // the backdrop
      }}
    >
      <div className="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
        {actions && <div className="dialog-actions">{actions}</div>}
      </div>
    </dialog>
  );
}
