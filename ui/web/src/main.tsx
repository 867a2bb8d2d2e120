import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Problem } from "./api/fetch";
import { router } from "./router";
import { startTheme } from "./shell/theme";
import "./styles/tokens.css";
import "./styles/base.css";

startTheme();

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2000,
      // What the API refused it refuses again, and an error is better shown at once than
      // late; only a lack of any answer is worth another try by itself.
      retry: (count, error) => count < 2 && error instanceof Problem && error.status === 0,
    },
  },
});

// The font comes from the same server and is there in no time; a slow one is done without.
const late = new Promise((done) => setTimeout(done, 400));
await Promise.race([document.fonts.load("500 13px Inter").catch(() => undefined), late]);

createRoot(document.getElementById("app")!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
