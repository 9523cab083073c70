// Package supervise runs a subprocess for as long as it is wanted.
//
// It captures the output line by line, waits until the process says it is ready,
// restarts it with growing pauses when it dies, and stops it in steps of growing
// force. Every process gets its own process group, so that Ctrl-C in a terminal
// reaches only this program, and is waited for, so that none is left as a
// zombie. On Linux it also gets a signal if this program is killed.
//
// The package knows nothing about what it runs.
package supervise
