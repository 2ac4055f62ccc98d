// What the parts of a product's inner axis are summed to, until they are added up.
//
// The kernel that imports this file has the binding problems. These two stand after all of its own.

const AFTER = 8u;      // how many those are
const END = AFTER + 1u;
const BLOCK = 4096u;   // numbers of the inner axis that are summed in a row

struct Cut {
  parts: u32,   // of every problem, at the most
  quads: u32,   // of the largest result
}

@group(0) @binding(AFTER) var<storage, read_write> partial: array<vec4f>;   // (problems, parts, quads)
@group(0) @binding(END) var<uniform> cut: Cut;

/// Of each part of a problem's inner axis but the last, in whole quads, and whole turns of the schedules that do not mask.
fn partLength(p: Problem) -> u32 {
  return ((p.inner - 1u) / (32u * cut.parts) + 1u) * 32u;
}

/// Where a part of a problem begins; its quads stand as in a result whose rows follow each other.
fn partAt(problem: u32, part: u32) -> u32 {
  return (problem * cut.parts + part) * cut.quads;
}
