/**
 * On a narrow screen the page shows one pane at a time, and the browser's back button goes back to the list.
 * On a wide one all of it is visible; CSS decides which.
 */

export type Pane = "list" | "editor" | "room";

export interface Panes {
  /** Brings a pane to the front where there is room for one only. */
  show(pane: Pane): void;
  /** Back to the list. */
  back(): void;
  /** Whether the list and the editor are not visible at once. */
  isNarrow(): boolean;
}

const isPane = (value: unknown): value is Pane => value === "list" || value === "editor" || value === "room";

/** @param onList - the list came to the front */
export const createPanes = (onList: () => void): Panes => {
  const narrow = matchMedia("(max-width: 719px)");
  const current = (): Pane => (isPane(document.body.dataset["pane"]) ? document.body.dataset["pane"] : "list");

  const apply = (pane: Pane): void => {
    const before = current();
    document.body.dataset["pane"] = pane;
    if (pane === "list" && before !== "list") onList();
  };

  window.addEventListener("popstate", (event: PopStateEvent) => {
    const state: unknown = event.state;
    apply(isPane(state) ? state : "list");
  });

  return {
    show: (pane) => {
      if (pane === current()) return;
      if (narrow.matches && pane !== "list") {
        // One step of history, however often a person goes between the panes.
        if (current() === "list") history.pushState(pane, "");
        else history.replaceState(pane, "");
      }
      apply(pane);
    },
    back: () => {
      if (isPane(history.state)) history.back();
      else apply("list");
    },
    isNarrow: () => narrow.matches,
  };
};
