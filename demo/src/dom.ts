/** Finding and making elements. Text always becomes text nodes, never markup. */

/**
 * The element of index.html with this id.
 * @throws Error when the page and the code have grown apart
 */
export const find = <E extends Element>(id: string, type: abstract new () => E): E => {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`index.html has no ${type.name} with the id ${id}`);
};

/** A new element of class `className` with the given children; strings become text. */
export const make = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] => {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
};

/** A push button that runs `onClick`. */
export const makeButton = (className: string, label: string, onClick: () => void): HTMLButtonElement => {
  const button = make("button", className, label);
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
};

/** Sets the text of an element unless it is there already, so that live regions do not repeat themselves. */
export const setText = (target: Element, text: string): void => {
  if (target.textContent !== text) target.textContent = text;
};
