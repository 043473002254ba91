import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "signaling-server/test/**/*.test.{js,ts}"],
  },
});
