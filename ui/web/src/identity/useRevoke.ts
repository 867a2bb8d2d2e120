import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/fetch";
import { toast } from "../ui/toast";

/** Takes something back, says how it went, and is done once it has gone well. */
export function useRevoke(done: () => void) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  async function revoke(path: string, how: { method: "POST" | "DELETE"; body?: object }, success: string) {
    setBusy(true);
    try {
      await api<unknown>(path, how);
      for (const key of ["identity", "events"]) void client.invalidateQueries({ queryKey: [key] });
      toast(success);
      done();
    } catch (e) {
      toast(e instanceof Error ? e.message : String(e), "bad");
      setBusy(false);
    }
  }
  return { revoke, busy };
}
