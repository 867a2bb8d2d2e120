import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { resourcesQuery } from "../api/queries";
import { Page } from "../shell/Page";
import { Editor } from "./Editor";
import { HistoryList } from "./HistoryList";
import { Resources } from "./Resources";
import "./config.css";

const route = getRouteApi("/config");

const tabs = [
  { id: undefined, name: "Resources" },
  { id: "history", name: "History" },
  { id: "edit", name: "New manifest" },
] as const;

export default function ConfigPage() {
  const { tab } = route.useSearch();
  const resources = useQuery(resourcesQuery);
  const n = resources.data?.resources.length;
  return (
    <Page title="Configuration" note={n !== undefined && `${n} resource${n === 1 ? "" : "s"}`}>
      <nav className="tabs" aria-label="Views">
        {tabs.map((t) => (
          <Link key={t.name} to="/config" search={(now) => ({ ...(t.id ? {} : { sel: now.sel, kind: now.kind, find: now.find }), tab: t.id })} className="tab" aria-current={tab === t.id ? "page" : undefined} activeOptions={{ exact: true, includeSearch: true }}>
            {t.name}
          </Link>
        ))}
      </nav>
      {tab === "history" ? <HistoryList /> : tab === "edit" ? <Editor /> : <Resources />}
    </Page>
  );
}
