import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { Tooltip } from "radix-ui";
import { useCallback, useEffect, useState } from "react";
import { live } from "../api/live";
import { sessionQuery } from "../api/queries";
import { ErrorState } from "../ui/State";
import { Toasts } from "../ui/toast";
import { Help } from "./Help";
import { SideBar } from "./SideBar";
import { useShortcuts } from "./shortcuts";
import "./shell.css";

/** What stands around every page but the sign-in page. */
export function Shell() {
  const path = useRouterState({ select: (s) => s.location.pathname });
  return (
    <Tooltip.Provider delayDuration={350}>
      {path === "/signin" ? <Outlet /> : <SignedIn />}
      <Toasts />
    </Tooltip.Provider>
  );
}

function SignedIn() {
  const [help, setHelp] = useState(false);
  const session = useQuery(sessionQuery);
  const navigate = useNavigate();
  const go = useCallback((to: string) => void navigate({ to }), [navigate]);
  const openHelp = useCallback(() => setHelp(true), []);
  useShortcuts({ go, help: openHelp });
  useLive(session.isSuccess);
  return (
    <div className="shell">
      <a className="skip" href="#page">
        Skip to content
      </a>
      <SideBar user={session.data} onHelp={openHelp} />
      <main id="page" className="page" tabIndex={-1}>
        {session.isError ? <ErrorState error={session.error} retry={() => void session.refetch()} /> : session.isSuccess && <Outlet />}
      </main>
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  );
}

/** Opens the live stream and lets its events refresh what they are about. */
function useLive(signedIn: boolean) {
  const client = useQueryClient();
  useEffect(() => {
    if (!signedIn) return;
    const close = live.open();
    const forget = live.onEvent((e) => {
      for (const key of ["events", "breakers", "traffic", "service"]) void client.invalidateQueries({ queryKey: [key] });
      if (e.kind === "config" || e.kind === "traffic") void client.invalidateQueries({ queryKey: ["config"] });
      if (e.kind === "identity") void client.invalidateQueries({ queryKey: ["identity"] });
      if (e.kind === "instance" || e.kind === "refused") void client.invalidateQueries({ queryKey: ["proxies"] });
    });
    return () => {
      forget();
      close();
    };
  }, [signedIn, client]);
}
