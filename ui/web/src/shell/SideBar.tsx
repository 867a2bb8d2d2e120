import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { DropdownMenu } from "radix-ui";
import { api } from "../api/fetch";
import { useLiveStatus } from "../api/live";
import { breakersQuery } from "../api/queries";
import type { User } from "../api/session";
import { Icon, type IconName } from "../ui/Icon";
import "../ui/tip.css";
import { toggleTheme, useTheme } from "./theme";

const pages: { to: string; icon: IconName; name: string; key: string; main?: boolean }[] = [
  { to: "/", icon: "map", name: "Map", key: "m", main: true },
  { to: "/traces", icon: "traces", name: "Traces", key: "t", main: true },
  { to: "/logs", icon: "logs", name: "Logs", key: "l" },
  { to: "/traffic", icon: "traffic", name: "Traffic", key: "w", main: true },
  { to: "/events", icon: "events", name: "Events", key: "e", main: true },
  { to: "/config", icon: "config", name: "Configuration", key: "c" },
  { to: "/slos", icon: "slos", name: "SLOs & alerts", key: "s" },
  { to: "/proxies", icon: "proxies", name: "Proxies", key: "p" },
  { to: "/identity", icon: "lock", name: "Identity", key: "d" },
  { to: "/pipeline", icon: "pipeline", name: "Pipeline", key: "i" },
];

export function SideBar({ user, onHelp }: { user: User | undefined; onHelp: () => void }) {
  return (
    <nav className="side" aria-label="Pages">
      <Link to="/" className="side-logo" aria-label="Sightline, map">
        <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="9" fill="var(--accent)" />
          <path d="M6 20c5-9 15-9 20 0" fill="none" stroke="var(--on-accent)" strokeWidth="2.6" strokeLinecap="round" />
          <circle cx="16" cy="19" r="3.4" fill="var(--on-accent)" />
        </svg>
        <span>Sightline</span>
      </Link>
      <ul className="side-pages">
        {pages.map((p) => (
          <li key={p.to} data-main={p.main}>
            <Link to={p.to} className="side-link" activeOptions={{ exact: p.to === "/", includeSearch: false }}>
              <Icon name={p.icon} />
              <span>{p.name}</span>
              {p.to === "/events" ? <Tripped /> : <kbd aria-hidden="true">g {p.key}</kbd>}
            </Link>
          </li>
        ))}
      </ul>
      <div className="side-foot">
        <LiveSign />
        <UserMenu user={user} onHelp={onHelp} />
      </div>
    </nav>
  );
}

/** How many breakers are not admitting, where there are any. */
function Tripped() {
  const { data } = useQuery(breakersQuery);
  const n = data?.breakers.length ?? 0;
  if (n === 0) return <kbd aria-hidden="true">g e</kbd>;
  return (
    <span className="side-count" title={`${n} breaker${n > 1 ? "s" : ""} not admitting`}>
      {n}
    </span>
  );
}

function LiveSign() {
  const status = useLiveStatus();
  const words = { live: "Live", connecting: "Connecting…", lost: "Reconnecting…" }[status];
  return (
    <span className="side-live" data-status={status} role="status">
      <i />
      {words}
    </span>
  );
}

async function signOut() {
  await api<void>("session", { method: "DELETE" });
  location.assign("/signin");
}

function UserMenu({ user, onHelp }: { user: User | undefined; onHelp: () => void }) {
  const theme = useTheme();
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="side-menu">
        <Icon name="more" />
        <span className="side-menu-word">More</span>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" side="top" align="end" sideOffset={8} collisionPadding={8}>
          <DropdownMenu.Label className="menu-label">{user ? `${user.name} · ${user.role}` : "Not signed in"}</DropdownMenu.Label>
          {pages.filter((p) => !p.main).map((p) => (
            <DropdownMenu.Item key={p.to} className="menu-item menu-page" asChild>
              <Link to={p.to}>
                <Icon name={p.icon} /> {p.name}
              </Link>
            </DropdownMenu.Item>
          ))}
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={toggleTheme}>
            <Icon name={theme === "dark" ? "sun" : "moon"} /> {theme === "dark" ? "Light theme" : "Dark theme"}
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={onHelp}>
            <Icon name="help" /> Keyboard shortcuts
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => void signOut()}>
            <Icon name="out" /> Sign out
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
