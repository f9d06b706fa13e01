/** Small helpers over the DOM. Text always goes in as text, never as HTML. */
export const byId = (id) => document.getElementById(id);

/** `element('button', { className: 'quiet', onclick }, 'Delete')` */
export function element(tag, properties = {}, ...children) {
  const { aria = {}, ...own } = properties;
  const made = Object.assign(document.createElement(tag), own);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children);
  return made;
}

/** Tells people who use a screen reader what happened. */
export function announce(message) {
  byId('status').textContent = message;
}

/** Dialogs close with their buttons, Escape, and a click beside them. */
export function prepareDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog || event.target.closest('[data-close]')) dialog.close();
    });
  }
}
