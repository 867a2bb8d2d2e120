import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, Problem } from "../api/fetch";
import type { User } from "../api/session";
import { Button } from "../ui/Button";
import "./signin.css";

/** The secret of a sign-in link. It is in the fragment, which never leaves the browser. */
function secretOf(hash: string): string {
  return new URLSearchParams(hash.replace(/^#/, "")).get("token") ?? "";
}

/** Where to go after sign-in: only a path of this site. */
function nextPath(): string {
  const next = new URLSearchParams(location.search).get("next") ?? "/";
  return next.startsWith("/") && !next.startsWith("//") ? next : "/";
}

export default function SignIn() {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const client = useQueryClient();
  const tried = useRef(false);

  async function signIn(token: string) {
    setBusy(true);
    setFault("");
    try {
      const user = await api<User>("session", { method: "POST", body: { token } });
      client.setQueryData(["session"], user);
      location.replace(nextPath());
    } catch (e) {
      setFault(e instanceof Problem ? e.message : String(e));
      setBusy(false);
    }
  }

  useEffect(() => {
    document.title = "Sign in · Sightline";
    const token = secretOf(location.hash);
    if (!token || tried.current) return;
    tried.current = true; // a link works once: never send it twice
    history.replaceState(null, "", location.pathname + location.search);
    void signIn(token);
  }, []);

  return (
    <main className="signin">
      <form
        className="signin-card"
        onSubmit={(e) => {
          e.preventDefault();
          const token = text.includes("#") ? secretOf(text.slice(text.indexOf("#"))) : text.trim();
          void signIn(token);
        }}
      >
        <svg width="36" height="36" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="9" fill="var(--accent)" />
          <path d="M6 20c5-9 15-9 20 0" fill="none" stroke="var(--on-accent)" strokeWidth="2.4" strokeLinecap="round" />
          <circle cx="16" cy="19" r="3.4" fill="var(--on-accent)" />
        </svg>
        <h1>{busy ? "Signing in…" : "Sign in to Sightline"}</h1>
        <p>
          Open the link that <code>sightline</code> printed when it started, or paste it here. It works once.
        </p>
        <label className="field">
          Sign-in link
          <input
            className="input"
            type="password"
            autoComplete="off"
            placeholder="http://127.0.0.1:8080/signin#token=…"
            value={text}
            onChange={(e) => setText(e.target.value)}
            aria-invalid={fault !== ""}
            aria-describedby="signin-fault"
          />
        </label>
        <p id="signin-fault" className="signin-fault" role="alert">
          {fault}
        </p>
        <Button type="submit" look="primary" disabled={text.trim() === ""} busy={busy}>
          Sign in
        </Button>
        <p className="faint">
          Lost it? Sightline prints a new one at each start.
        </p>
      </form>
    </main>
  );
}
