/**
 * Imported before all else: memory of workgroups is not cleared before a kernel runs. SwiftShader clears it number by
 * number in what it compiles, which takes seconds for a GPU's tiles; and a kernel that counts on zeros there shows.
 */

process.env.SEPNN_TEST_DAWN ??= 'enable-dawn-features=allow_unsafe_apis,disable_workgroup_init';
