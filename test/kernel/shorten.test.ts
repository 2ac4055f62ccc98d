/** Names in the texts that are shipped: which stay, and that none gets in another's way. */

import { kernelsAndSlots } from '../../scripts/kernels.js';
import { shortened } from '../../scripts/shorten.js';
import { requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('short names');

test('functions, their variables and memory of workgroups get short names; what dispatches, hosts and slots know stays', () => {
  const kernel =
    'struct Tile{row:u32,length:u32,}@group(0)@binding(0)var<storage,read>left:array<f32>;\n' +
    'const WORKGROUP=64u;var<workgroup>sums:array<f32,WORKGROUP>;fn across(tile:Tile,row:u32)->u32{return tile.row+row;}\n' +
    '//# slot activation\n' +
    'fn main(){let tile=Tile(1u,2u);var row=across(tile,3u);let length=left[row];sums[0]=activate(length).x;}';
  const slot = 'fn half(z:f32)->f32{return z/2.0;}fn activate(z:f32)->vec2f{let row=half(z);return vec2f(row,1.0);}';
  requireEqual('texts', shortened([kernel, slot]), [
    'struct a_{row:u32,length:u32,}@group(0)@binding(0)var<storage,read>left:array<f32>;\n' +
      'const WORKGROUP=64u;var<workgroup>d_:array<f32,WORKGROUP>;fn b_(b:a_,a:u32)->u32{return b.row+a;}\n' +
      '//# slot activation\n' +
      'fn main(){let b=a_(1u,2u);var a=b_(b,3u);let c=left[a];d_[0]=activate(c).x;}',
    'fn c_(b:f32)->f32{return b/2.0;}fn activate(b:f32)->vec2f{let a=c_(b);return vec2f(a,1.0);}',
  ]);
});

test('a variable that has the name of what its function calls is refused, and the texts are the same every time', async () => {
  const text = 'fn wide()->u32{return 1u;}fn main(){var row=wide();let wide=row;}';
  await requireThrows('shadowed', () => shortened([text]), 'Error', /^fn main\(\) has a variable wide and calls/);
  requireEqual('twice', JSON.stringify(kernelsAndSlots()), JSON.stringify(kernelsAndSlots()));
});
