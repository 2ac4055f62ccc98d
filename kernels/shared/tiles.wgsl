// Which tile of which product a workgroup makes. Workgroups stand as (column tiles, row tiles, problems); where one of
// these is past what a device dispatches along an axis, they stand in a line, column tiles fastest, and the line is
// folded to two dimensions.
//
// The schedule that imports this file has TILE_ROWS and TILE_COLUMNS, its kernel the binding problems.

const ROW_TILES = 0u;      // of every problem, where the line is folded; else 0
const COLUMN_TILES = 0u;
const UPPER = false;       // of a symmetric result: tiles that lie below the diagonal are not made

struct Tile {
  problem: u32,
  row: u32,      // the tile's first
  column: u32,
}

fn tileOf(group: vec3u, groups: vec3u) -> Tile {
  if (COLUMN_TILES == 0u) { return Tile(group.z, group.y * TILE_ROWS, group.x * TILE_COLUMNS); }
  let at = group.y * groups.x + group.x;
  let problem = at / max(1u, ROW_TILES * COLUMN_TILES);
  if (problem >= arrayLength(&problems)) { return Tile(0u, 1u << 31u, 0u); }   // after the line's end: no rows
  return Tile(problem, at / max(1u, COLUMN_TILES) % max(1u, ROW_TILES) * TILE_ROWS, at % max(1u, COLUMN_TILES) * TILE_COLUMNS);
}

/// Whether any of a tile's results is wanted, of a problem of so many rows and columns.
fn isMade(tile: Tile, rows: u32, columns: u32) -> bool {
  return tile.row < rows && tile.column < columns && !(UPPER && tile.row >= tile.column + TILE_COLUMNS);
}
