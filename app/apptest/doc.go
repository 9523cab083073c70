// Package apptest boots the product the way a user does, for end-to-end tests:
// the real executable, built from this module, as a process of its own on a
// data directory and a free port.
//
//	func TestMain(m *testing.M) { apptest.Main(m) }
//	p := apptest.Start(t, t.TempDir())
//
// Nothing is shared between two products but the cache of runtimes, and a test
// fails when a product leaves a process behind. Settings of the environment
// that the product would read are kept from it.
package apptest
