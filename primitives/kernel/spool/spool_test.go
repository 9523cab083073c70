package spool_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/spool"
)

func TestLargeBodiesAreKeptOnDiskAndLeaveNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var buffers spool.Buffers
	for round, size := range []int{0, 10, 3 << 20} {
		s := buffers.New(dir, 4<<20)
		want := strings.Repeat("0123456789", size/10)
		for rest := want; rest != ""; {
			n := min(len(rest), 70_000)
			if err := s.Text(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		var out bytes.Buffer
		if n, err := s.WriteTo(&out); err != nil || n != int64(size/10*10) || out.String() != want || s.Len() != n {
			t.Errorf("round %d: wrote %d bytes of %d, %v", round, n, len(want), err)
		}
		if err := s.Reset(); err != nil || s.Len() != 0 {
			t.Errorf("after Reset: %d bytes, %v", s.Len(), err)
		}
		s.Close()
	}
	s := buffers.New(dir, 1<<20)
	defer s.Close()
	var err error
	for range 100 {
		if err = s.Text(strings.Repeat("x", 1<<16)); err != nil {
			break
		}
	}
	if !errors.Is(err, spool.ErrTooLarge) {
		t.Errorf("a body over its limit: got %v, want ErrTooLarge", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}
