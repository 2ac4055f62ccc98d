/** Names in the texts that are shipped: which stay, and that none gets in another's way. */

import { kernelsAndSlots } from '../../scripts/kernels.js';
import { shortened } from '../../scripts/shorten.js';
import { requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('short names');

test('functions, their variables, memory of workgroups and constants get short names, plain numbers none; what dispatches, hosts and slots know stays', () => {
  const kernel =
    'struct Tile{row:u32,length:u32,}@group(0)@binding(0)var<storage,read>left:array<f32>;\n' +
    'const WORKGROUP=64u;\nconst TWICE=2u*WORKGROUP;\nconst TINY=1e-30f;var<workgroup>sums:array<f32,TWICE>;fn across(tile:Tile,row:u32)->u32{return tile.row+row;}\n' +
    '//# slot activation\n' +
    'fn main(){let tile=Tile(1u,2u);var row=across(tile,3u);let length=left[row];sums[0]=activate(length).x+TINY;}';
  const slot = 'fn half(z:f32)->f32{return z/2.0;}fn activate(z:f32)->vec2f{let row=half(z);return vec2f(row,1.0);}';
  requireEqual('texts', shortened([kernel, slot], 'dispatch(kernel, { constants: { WORKGROUP: 64 } })'), [
    'struct A{row:u32,length:u32,}@group(0)@binding(0)var<storage,read>left:array<f32>;\n' +
      'const WORKGROUP=64u;\nconst a0=2u*WORKGROUP;\nvar<workgroup>D:array<f32,a0>;fn B(b:A,a:u32)->u32{return b.row+a;}\n' +
      '//# slot activation\n' +
      'fn main(){let b=A(1u,2u);var a=B(b,3u);let c=left[a];D[0]=activate(c).x+1e-30f;}',
    'fn C(b:f32)->f32{return b/2.0;}fn activate(b:f32)->vec2f{let a=C(b);return vec2f(a,1.0);}',
  ]);
});

test('a function that nothing in its text calls is left out, and what it alone called; main and what a slot calls stay', () => {
  const kernel =
    'fn deep(z:f32)->f32{return z;}fn idle(z:f32)->f32{return deep(z);}fn used(z:f32)->f32{return z+1.0;}' +
    'fn offered(z:f32)->f32{return used(z);}\n//# slot schedule\n';
  const slot = 'fn idle(z:f32)->f32{return z;}fn main(){let x=offered(1.0)+idle(2.0);}';
  requireEqual('texts', shortened([kernel, slot]), [
    'fn C(a:f32)->f32{return a+1.0;}fn offered(a:f32)->f32{return C(a);}\n//# slot schedule\n',
    'fn A(a:f32)->f32{return a;}fn main(){let a=offered(1.0)+A(2.0);}',
  ]);
});

test('a variable that has the name of what its function calls is refused, and the texts are the same every time', async () => {
  const text = 'fn wide()->u32{return 1u;}fn main(){var row=wide();let wide=row;}';
  await requireThrows('shadowed', () => shortened([text]), 'Error', /^fn main\(\) has a variable wide and calls/);
  requireEqual('twice', JSON.stringify(kernelsAndSlots()), JSON.stringify(kernelsAndSlots()));
});
