package bundle

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestAnInterruptedVersionQueryDoesNotBlameTheProgram(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "postgres")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n: > \"$(dirname \"$0\")/running\"\nwhile :; do :; done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := askVersion(ctx, program)
		asked <- err
	}()
	running := filepath.Join(filepath.Dir(program), "running")
	for _, err := os.Stat(running); err != nil; _, err = os.Stat(running) {
		runtime.Gosched()
	}
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it to be cancelled", err)
	}
}
