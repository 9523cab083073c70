// Package apptest boots the product the way a user does, for end-to-end tests:
// the real executable, built from this module, in its own process on a data
// directory and a free port.
//
//	func TestMain(m *testing.M) { apptest.Main(m) }
//	p := apptest.Start(t, t.TempDir())
//
// Products share nothing but the cache of runtimes, and a test fails if its
// product leaves a process behind. The product does not see settings in the
// test's environment.
package apptest
