// Additions of a profile's page to the common style: charts as SVG, bars of parts.

/** The style of the page of a profile, after the common one. */
export const PROFILE_STYLE = `
.plot { display: block; max-width: 100%; height: auto; }
.plot text { white-space: pre; }
.narrow { display: none; }
.narrow .plot { width: 100%; max-width: 30rem; }
@media (max-width: 56rem) { .wide { display: none; } .narrow { display: block; } }
.roofline { display: flex; flex-wrap: wrap; gap: 1rem 2rem; }
.roofline > * { min-width: 0; }
.roofline > figure { margin: 0; }
.roofline > .ceilings { flex: 1 1 18rem; }
.parts th:first-child, .ceilings th:first-child { min-width: 0; }
.kernels table { font-size: .93rem; }
@media (max-width: 40rem) {
  .roofline > figure { width: 100%; }
  .scroll th:first-child { min-width: 9rem; max-width: 9rem; }
  td.share { min-width: 5.5rem; }
  .scroll th, .scroll td { padding: .3rem .4rem; }
}
.key { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .85rem; }
.dot, .swatch, .line { display: inline-block; margin-right: .4rem; vertical-align: middle; }
.dot { width: .7rem; height: .7rem; border-radius: 50%; }
.swatch { width: .8rem; height: .8rem; border-radius: 2px; }
.line { width: 1.4rem; border-top: 2px solid; }
.case { display: block; color: var(--faint); font-size: .85rem; font-weight: 400; }
.scroll .untimed, .scroll .advice { text-align: left; }
td.advice { min-width: 16rem; white-space: normal; }
.errors pre { margin: 0 0 .75rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.bars { display: grid; grid-template-columns: auto 1fr; gap: .35rem .75rem; margin: 1rem 0 .5rem; }
.bars > span { color: var(--faint); }
.stack { display: flex; gap: 1px; min-width: 0; }
.stack > i {
  overflow: hidden; border-radius: 2px; padding: .15rem 0; color: var(--page); font-style: normal;
  line-height: 1.5; text-align: center; white-space: nowrap;
}
@media (max-width: 40rem) { .bars { grid-template-columns: 1fr; gap: .15rem; } }
.kernel { padding: .6rem 0; border-top: 1px solid var(--line); }
.kernel:first-of-type { border-top: 0; }
.kernel summary { overflow-wrap: anywhere; }
.strips { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin-top: .5rem; }
.strips h3 {
  flex: 1 1 12rem; margin: .2rem 0; font-size: .9rem; font-weight: 500; overflow-wrap: anywhere;
}
.strips figure { flex: 0 1 26rem; margin: 0; min-width: 0; }
.strips .plot { width: 100%; }
@media (max-width: 68rem) { .strips h3 { flex-basis: 100%; } .strips figure { flex-grow: 1; flex-basis: 20rem; } }
`;
