package logging

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// stuck is a disk that does not answer until it is released.
type stuck struct {
	bytes.Buffer
	entered, release chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	select {
	case s.entered <- struct{}{}:
	default:
	}
	<-s.release
	return s.Buffer.Write(p)
}

func TestAStuckDiskBlocksNoOneAndLostLinesAreCounted(t *testing.T) {
	t.Parallel()
	disk := &stuck{entered: make(chan struct{}, 1), release: make(chan struct{})}
	q := newQueue(bytes.ToUpper, disk)
	fmt.Fprintln(q, "first")
	<-disk.entered // from here on lines only pile up
	line := strings.Repeat("x", 1<<20-1) + "\n"
	for range maxPending>>20 + 3 {
		if _, err := q.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	close(disk.release)
	q.Close()
	q.Close() // a second time changes nothing
	kept := strings.Count(disk.String(), strings.ToUpper(line))
	if want := maxPending >> 20; kept != want {
		t.Errorf("got %d long lines, want %d", kept, want)
	}
	if !strings.HasPrefix(disk.String(), "FIRST\n") || !strings.Contains(disk.String(), "3 LOG LINES WERE DROPPED") {
		t.Errorf("got %.80q … %.120q, want the first line first and the lost ones counted", disk.String(), disk.String()[max(0, disk.Len()-120):])
	}
}

func TestLinesKeepTheirOrderAndAreCleanedInWholeLines(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	q := newQueue(func(lines []byte) []byte {
		if !bytes.HasPrefix(lines, []byte("line ")) || !bytes.HasSuffix(lines, []byte("\n")) {
			t.Errorf("got a part of a line: %.20q … %.20q", lines, lines[max(0, len(lines)-20):])
		}
		return bytes.ReplaceAll(lines, []byte("line"), []byte("LINE"))
	}, &got)
	var want strings.Builder
	for i := range 1_500 {
		long := ""
		if i%300 == 0 {
			long = strings.Repeat("x", 2*writeSize)
		}
		fmt.Fprintf(q, "line %d %s\n", i, long)
		fmt.Fprintf(&want, "LINE %d %s\n", i, long)
	}
	q.Close()
	if got.String() != want.String() {
		t.Errorf("got %d bytes that differ from the %d written", got.Len(), want.Len())
	}
}
