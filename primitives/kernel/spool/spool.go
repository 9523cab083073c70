// Package spool keeps a large body while it is made and sent: in memory, or
// beyond a megabyte in a temporary file without a name, so that neither memory
// nor a database connection depends on how fast a client reads, and nothing is
// left behind when the process dies.
//
// All disk that bodies take is taken in Spool.grow and given back in
// Spool.release, and all Spools come from Buffers.New.
package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// memoryLimit is how much of a body is kept in memory.
const memoryLimit = 1 << 20

// keepBuffer is the largest buffer that is reused.
const keepBuffer = 256 << 10

// Buffers makes Spools and lends them memory. The zero value is ready for use.
type Buffers struct{ pool sync.Pool }

// Spool is a body while it is written and sent. Its owner calls Close.
type Spool struct {
	buffers *Buffers
	dir     string
	most    int64
	buf     []byte
	file    *os.File
	flushed int64
}

// ErrTooLarge is returned for a body over the limit of its Spool.
var ErrTooLarge = errors.New("the result is larger than the server may hold")

// New returns an empty body. What does not fit in memory goes to a
// temporary file in dir, up to most bytes in all.
func (p *Buffers) New(dir string, most int64) *Spool {
	s := &Spool{buffers: p, dir: dir, most: most}
	if b, ok := p.pool.Get().(*[]byte); ok {
		s.buf = (*b)[:0]
	}
	return s
}

// Append lets f append to the body.
func (s *Spool) Append(f func(b []byte) []byte) error {
	s.buf = f(s.buf)
	if len(s.buf) < memoryLimit {
		return nil
	}
	return s.flush()
}

// Text appends text.
func (s *Spool) Text(text string) error {
	return s.Append(func(b []byte) []byte { return append(b, text...) })
}

// Bytes appends bytes, of which it keeps a part in memory at a time.
func (s *Spool) Bytes(all []byte) error {
	for len(all) > 0 {
		part := all[:min(len(all), memoryLimit)]
		all = all[len(part):]
		if err := s.Append(func(b []byte) []byte { return append(b, part...) }); err != nil {
			return err
		}
	}
	return nil
}

// flush moves what is in memory to the file.
func (s *Spool) flush() error {
	if s.Len() > s.most {
		return ErrTooLarge
	}
	if err := s.grow(); err != nil {
		return fmt.Errorf("keep a large result: %w", err)
	}
	s.buf = s.buf[:0]
	return nil
}

// grow appends what is in memory to the file, which it makes when there is
// none. The file loses its name at once, so that it disappears with the
// process.
func (s *Spool) grow() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "result-*")
		if err != nil {
			return err
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
	}
	if _, err := s.file.Write(s.buf); err != nil {
		return err
	}
	s.flushed += int64(len(s.buf))
	return nil
}

// release gives the disk back.
func (s *Spool) release() error {
	s.flushed = 0
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// Len is the body's length in bytes.
func (s *Spool) Len() int64 { return s.flushed + int64(len(s.buf)) }

// Reset empties the body, to write it again.
func (s *Spool) Reset() error {
	s.buf = s.buf[:0]
	return s.release()
}

// WriteTo sends the body.
func (s *Spool) WriteTo(w io.Writer) (int64, error) {
	var n int64
	if s.file != nil {
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		var err error
		if n, err = io.Copy(w, s.file); err != nil {
			return n, err
		}
	}
	m, err := w.Write(s.buf)
	return n + int64(m), err
}

// Close gives back the memory and the disk. The Spool must not be used
// afterwards.
func (s *Spool) Close() {
	_ = s.release() // nothing was to be kept
	if cap(s.buf) > 0 && cap(s.buf) <= keepBuffer {
		b := s.buf[:0]
		s.buffers.pool.Put(&b)
	}
	s.buf = nil
}
