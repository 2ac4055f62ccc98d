// Which tile of which product a workgroup makes, and from which part of the inner axis. Workgroups stand as (column
// tiles, row tiles, problems by parts); where one of these is past what a device dispatches along an axis, they stand in
// a line, column tiles fastest, and the line is folded to two dimensions.
//
// The schedule that imports this file has TILE_ROWS and TILE_COLUMNS, its kernel the binding problems.
//# slot inner whole

const FOLDED = false;
const ROW_TILES = 1u;      // of every problem, where the line is folded
const COLUMN_TILES = 1u;
const UPPER = false;       // of a symmetric result: tiles that lie below the diagonal are not made

struct Tile {
  problem: u32,
  part: u32,
  row: u32,      // the tile's first
  column: u32,
}

fn tileOf(group: vec3u, groups: vec3u) -> Tile {
  var at = group;
  if (FOLDED) {
    let line = group.y * groups.x + group.x;
    at = vec3u(line % COLUMN_TILES, line / COLUMN_TILES % ROW_TILES, line / COLUMN_TILES / ROW_TILES);
  }
  let parts = partsOf();
  return Tile(at.z / parts, at.z % parts, at.y * TILE_ROWS, at.x * TILE_COLUMNS);
}

/// Whether any of a tile's results is wanted, of a problem of so many rows and columns: not after the line's end.
fn isMade(tile: Tile, rows: u32, columns: u32) -> bool {
  return tile.problem < arrayLength(&problems) && tile.row < rows && tile.column < columns
    && !(UPPER && tile.row >= tile.column + TILE_COLUMNS);
}
