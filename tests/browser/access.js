// What axe finds on a page, and what has the focus. Evaluated in the page by access.py.
(() => {
  async function findings() {
    await Promise.allSettled(document.getAnimations().map((one) => one.finished));
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    return violations
      .filter((one) => ['serious', 'critical'].includes(one.impact))
      .map((one) => [one.id, one.nodes.slice(0, 5).map((node) => `${node.html.slice(0, 200)} | ${node.any[0]?.message ?? one.help}`)]);
  }

  const outlined = (style) => (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';

  // A radio button or tick box may be drawn by its label: then the label shows the focus.
  function focused() {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const label = one.getAttribute('aria-label') || one.labels?.[0]?.innerText || one.innerText || one.title || '';
    const drawn = [one, one.closest('label'), ...(one.closest('label')?.children ?? [])].filter(Boolean);
    const box = (one.closest('label') ?? one).getBoundingClientRect();
    return {
      label: label.trim(), id: one.id, hook: one.dataset.testid ?? '', tag: one.tagName,
      marked: drawn.some((node) => outlined(getComputedStyle(node))), seen: box.width > 1 && box.height > 1,
    };
  }

  return { findings, focused };
})()
