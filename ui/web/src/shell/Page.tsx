import { useEffect, type ReactNode } from "react";

interface Props {
  title: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  fill?: boolean; // the page scrolls inside itself
}

/** The frame of one page: its title bar and what is below it. */
export function Page({ title, note, actions, children, fill }: Props) {
  useEffect(() => {
    document.title = `${title} · Sightline`;
  }, [title]);
  return (
    <>
      <header className="bar">
        <h1 className="clip">{title}</h1>
        {note && <div className="bar-note">{note}</div>}
        <div className="bar-actions">{actions}</div>
      </header>
      <div className={`content${fill ? " content-fill" : ""}`}>{children}</div>
    </>
  );
}
