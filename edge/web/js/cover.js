// Cover the units of a document with as few, and as full, calls as can be.

/**
 * Return the sizes of the calls that process `units` units, largest first.
 *
 * Of all sets of calls that are large enough, those with the fewest padded units; of those, the fewest calls.
 *
 * @param {number} units at least 1.
 * @param {readonly number[]} counts units that one call may take; different numbers, smallest first.
 * @returns {number[]}
 */
export function cover(units, counts) {
  const largest = counts[counts.length - 1];
  // With so many units left, some full calls are always part of the best set, so only the rest is searched.
  const bulk = Math.max(0, Math.floor(units / largest) - largest);
  return [...Array(bulk).fill(largest), ...best(units - bulk * largest, counts)];
}

/**
 * Fill a table: the last call, the sum and the number of the best set of calls for 0, 1, ... units.
 *
 * @param {number} units
 * @param {readonly number[]} counts
 */
function best(units, counts) {
  const table = [{ last: 0, total: 0, calls: 0 }];
  for (let wanted = 1; wanted <= units; wanted++) {
    let found = { last: 0, total: Infinity, calls: Infinity };
    for (const count of counts) {
      const rest = table[Math.max(0, wanted - count)];
      const option = { last: count, total: rest.total + count, calls: rest.calls + 1 };
      const shorter = option.total === found.total && option.calls < found.calls;
      if (option.total < found.total || shorter) found = option;
    }
    table.push(found);
  }
  const sizes = [];
  for (let left = units; left > 0; left -= table[left].last) sizes.push(table[left].last);
  return sizes.sort((one, other) => other - one);
}
