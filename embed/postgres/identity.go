package postgres

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Layout of what names the cluster, src/include/catalog/pg_control.h and
// src/include/access/xlog_internal.h.
const (
	controlVersion    = 1700 // of major 17, the templates'
	controlVersionAt  = 8
	nonceBytes        = 32 // the nonce stands right before the checksum
	longHeaderFlag    = 0x0002
	walInfoAt         = 2
	walSystemAt       = 24
	walHeaderBytes    = 40
	controlFileName   = "global/pg_control"
	controlSearchFrom = 200
)

var walSegmentName = regexp.MustCompile(`^[0-9A-F]{24}$`)

// renewIdentity gives a cluster made from a template a system identifier and
// its own authentication nonce, so that backups, archives and replicas of two
// clusters cannot be taken for one another. The identifier is in pg_control and
// at the head of each log segment; nothing else in a cluster that was shut down
// holds it. No server may be running.
func (p place) renewIdentity() error {
	path := filepath.Join(p.dir, filepath.FromSlash(controlFileName))
	control, err := os.ReadFile(path)
	if err != nil {
		return fileError("read", path, err)
	}
	id := newSystemID(time.Now())
	old, err := patchControl(control, id)
	if err != nil {
		return &Error{Kind: KindInternal, Message: "prepare " + path, Err: err}
	}
	wal := filepath.Join(p.dir, "pg_wal")
	entries, err := os.ReadDir(wal)
	if err != nil {
		return fileError("read", wal, err)
	}
	for _, entry := range entries {
		if !walSegmentName.MatchString(entry.Name()) {
			continue
		}
		if err := patchSegment(filepath.Join(wal, entry.Name()), old, id); err != nil {
			return fileError("prepare", filepath.Join(wal, entry.Name()), err)
		}
	}
	if err := overwrite(path, 0, control); err != nil {
		return fileError("write", path, err)
	}
	return nil
}

// newSystemID is derived from the time as in Postgres, with random bits where
// Postgres puts its process number: seconds, 20 bits of microseconds, 12 more.
func newSystemID(now time.Time) uint64 {
	var random [2]byte
	_, _ = rand.Read(random[:]) // never fails
	micros := uint64(now.Nanosecond() / 1000)
	return uint64(now.Unix())<<32 | micros<<12 | uint64(binary.LittleEndian.Uint16(random[:]))&0xfff
}

// patchControl writes the identifier and a new nonce into the content of
// pg_control and returns the identifier that was there.
func patchControl(control []byte, id uint64) (old uint64, err error) {
	if len(control) < controlSearchFrom {
		return 0, errors.New("file is too short")
	}
	if v := binary.LittleEndian.Uint32(control[controlVersionAt:]); v != controlVersion {
		return 0, fmt.Errorf("control file version %d is not %d", v, controlVersion)
	}
	at, err := checksumOffset(control)
	if err != nil {
		return 0, err
	}
	old = binary.LittleEndian.Uint64(control)
	binary.LittleEndian.PutUint64(control, id)
	if _, err := rand.Read(control[at-nonceBytes : at]); err != nil {
		return 0, err
	}
	binary.LittleEndian.PutUint32(control[at:], crc32.Checksum(control[:at], crc32.MakeTable(crc32.Castagnoli)))
	return old, nil
}

// checksumOffset finds the checksum, which covers all before it. Searching for
// an offset where the checksum matches proves it; a constant would have to be
// trusted.
func checksumOffset(control []byte) (int, error) {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Checksum(control[:controlSearchFrom], table)
	for at := controlSearchFrom; at+4 <= min(len(control), 512); at += 4 {
		if binary.LittleEndian.Uint32(control[at:]) == sum {
			return at, nil
		}
		sum = crc32.Update(sum, table, control[at:at+4])
	}
	return 0, errors.New("checksum does not match")
}

// patchSegment replaces the identifier in the header of a log segment's first
// page. Page headers have no checksum; records have, and do not hold it.
func patchSegment(path string, old, id uint64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	header := make([]byte, walHeaderBytes)
	if _, err := f.ReadAt(header, 0); err != nil {
		return err
	}
	if binary.LittleEndian.Uint16(header[walInfoAt:])&longHeaderFlag == 0 ||
		binary.LittleEndian.Uint64(header[walSystemAt:]) != old {
		return errors.New("log segment is not of this cluster")
	}
	return overwrite(path, walSystemAt, binary.LittleEndian.AppendUint64(nil, id))
}

// overwrite writes into an existing file in place.
func overwrite(path string, at int64, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(content, at); err != nil {
		return err
	}
	return f.Close()
}
