// Converts microseconds to places on the time axis and back. With "time to scale" the ratio is constant. The other clock gives
// busy times more space than idle times: the space of a gap between two events is the logarithm of its length.

function clockToScale(end) {
  return { place: (us) => us, time: (place) => place, length: end };
}

function clockEvened(run) {
  const instants = [0, run.end];
  const took = [];
  for (const op of run.ops) {
    instants.push(op.begin, op.end);
    took.push(op.took);
    if (op.waited > 0) instants.push(op.end - (op.took - op.waited) / 2);
  }
  for (const journal of run.journals) for (const at of journal.at) if (at !== null) instants.push(at);
  for (const fault of run.faults) instants.push(fault.from, fault.until === null ? run.end : fault.until);
  took.sort((a, b) => a - b);
  const unit = Math.max(1, (took[Math.floor(took.length / 2)] || 1) / 3);
  const times = [...new Set(instants)].filter((us) => us >= 0 && us <= run.end).sort((a, b) => a - b);
  const places = [0];
  for (let i = 1; i < times.length; i += 1) places.push(places[i - 1] + Math.log2(1 + (times[i] - times[i - 1]) / unit));
  const between = (from, to, value) => {
    let low = 0;
    let high = from.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (from[middle] <= value) low = middle;
      else high = middle;
    }
    const gap = from[high] - from[low];
    return gap > 0 ? to[low] + ((value - from[low]) / gap) * (to[high] - to[low]) : to[low];
  };
  return {
    place: (us) => between(times, places, us),
    time: (place) => between(places, times, place),
    length: places[places.length - 1] || 1,
  };
}

// Step between marks on an axis to scale: 1, 2 or 5 times a power of ten.
function roundStep(atLeast) {
  const power = 10 ** Math.floor(Math.log10(Math.max(atLeast, 1e-9)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= atLeast);
}

// A time as in the tables, with fewer digits if `step` needs fewer.
function timeWords(us, step) {
  if (us < 0) return `−${timeWords(-us, step)}`;
  if (us < 1) return "0";
  if (us < 1000) return `${Math.round(us)} µs`;
  const [value, unit, stepIn] = us < 1e6 ? [us / 1e3, "ms", step / 1e3] : [us / 1e6, "s", step / 1e6];
  let digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  if (step && stepIn >= 1) digits = 0;
  else if (step && stepIn >= 0.1) digits = Math.min(digits, 1);
  return `${value.toFixed(digits)} ${unit}`;
}
