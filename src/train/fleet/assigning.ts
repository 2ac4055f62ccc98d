/** A graph in which an assignment is made otherwise: whoever builds in it knows nothing of a fleet's places. */

import type { Graph } from '../../graph/operation.js';

export function assigning(graph: Graph, assign: Graph['assign']): Graph {
  return {
    nodes: graph.nodes,
    assignments: graph.assignments,
    read: tensor => graph.read(tensor),
    apply: (operation, inputs, attributes) => graph.apply(operation, inputs, attributes),
    assign,
  };
}
