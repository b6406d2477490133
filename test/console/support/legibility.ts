import type { Page } from 'playwright-core';

/** WCAG 2.2, success criterion 1.4.3, for text of the usual size. */
const leastContrast = 4.5;

/** Texts in view that stand out too little from what is behind them, each with its contrast. */
export function faintTexts(page: Page): Promise<readonly string[]> {
  return page.evaluate<string[]>(`(${inPage})(${leastContrast})`);
}

/** Run in the page, where these tests' types do not reach. */
const inPage = `(least) => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = channels(color).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const isOpaque = (color) => (channels(color)[3] ?? 1) === 1;
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (isOpaque(backgroundColor)) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    if (text === '' || element.closest(':disabled') !== null || !element.checkVisibility()) continue;
    const [one, other] = [getComputedStyle(element).color, groundOf(element)].map(luminance);
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < least) faint.push(contrast.toFixed(2) + ' ' + text.slice(0, 40));
  }
  return faint;
}`;
