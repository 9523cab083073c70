package bundle

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"

	"github.com/klauspost/compress/zstd"
)

// Limits of an archive. Both are far above what is packed, and far below what
// would fill a disk.
const (
	maxArchiveBytes   = 2 << 30
	maxArchiveEntries = 100_000
)

// windowBytes is how far back the compressor looks for repetitions, and what a
// start needs in memory while it unpacks. A larger one makes nothing smaller.
const windowBytes = 32 << 20

// Owner is who unpacked files belong to.
type Owner struct{ UID, GID int }

// Unpack extracts a .tar.zst stream into the existing directory dir, with the
// modes of the archive, regardless of the umask. owner, when not nil, is given
// every file (root only). Directories, regular files and links that stay
// inside are accepted; anything else, and any name that would leave dir, is an
// error.
func Unpack(ctx context.Context, r io.Reader, dir string, owner *Owner) error {
	err := decompress(ctx, r, dir, owner)
	// A process unpacks at most once, so what the decoder took should not count as
	// the program's memory for the rest of its life. The decoder must be out of
	// scope for that.
	debug.FreeOSMemory()
	return err
}

func decompress(ctx context.Context, r io.Reader, dir string, owner *Owner) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(2),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytes))
	if err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	defer z.Close()
	return Untar(ctx, z, dir, owner)
}

// Untar is Unpack for a tar stream that is already decompressed.
func Untar(ctx context.Context, r io.Reader, dir string, owner *Owner) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := unpacker{root: root, owner: owner, left: maxArchiveBytes, buf: make([]byte, 256<<10)}
	t := tar.NewReader(r)
	for range maxArchiveEntries {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return u.closeDirs()
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if err := u.entry(h, t); err != nil {
			return fmt.Errorf("unpack %q: %w", h.Name, err)
		}
	}
	return errors.New("archive has too many entries")
}

// unpacker writes entries below root, which is what keeps them inside: os.Root
// refuses names and links that lead out.
type unpacker struct {
	root  *os.Root
	owner *Owner
	left  int64 // bytes that may still be written
	buf   []byte
	dirs  []dirMode
}

// dirMode is a directory whose final mode is set at the end: a read-only one
// must be writable until its files are in.
type dirMode struct {
	name string
	mode fs.FileMode
}

func (u *unpacker) entry(h *tar.Header, body io.Reader) error {
	name := path.Clean(h.Name)
	if name == "." || h.Typeflag == tar.TypeXGlobalHeader { // a comment, which git writes
		return nil
	}
	if !filepath.IsLocal(name) {
		return errors.New("name leads outside")
	}
	mode := fs.FileMode(h.Mode) & 0o777
	switch h.Typeflag {
	case tar.TypeDir:
		return u.directory(name, mode)
	case tar.TypeReg:
		return u.file(name, mode, h.Size, body)
	case tar.TypeSymlink:
		return u.link(name, h.Linkname)
	default:
		return fmt.Errorf("entry type %q is not supported", h.Typeflag)
	}
}

func (u *unpacker) directory(name string, mode fs.FileMode) error {
	if err := u.root.MkdirAll(name, 0o700); err != nil {
		return err
	}
	u.dirs = append(u.dirs, dirMode{name, mode})
	return u.chown(name)
}

func (u *unpacker) file(name string, mode fs.FileMode, size int64, body io.Reader) error {
	if size > u.left {
		return errors.New("archive is too large")
	}
	u.left -= size
	create := func() (*os.File, error) {
		return u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	f, err := create()
	if errors.Is(err, fs.ErrNotExist) { // npm packages list no directories
		if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		f, err = create()
	}
	if err != nil {
		return err
	}
	defer f.Close()
	// The wrapper hides ReadFrom, which would ignore buf.
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, body, u.buf); err != nil {
		return err
	}
	if u.owner != nil {
		if err := f.Chown(u.owner.UID, u.owner.GID); err != nil {
			return err
		}
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	return f.Close()
}

func (u *unpacker) link(name, target string) error {
	if path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
		return errors.New("link leads outside")
	}
	if err := u.root.Symlink(target, name); err != nil {
		return err
	}
	return u.chown(name)
}

func (u *unpacker) chown(name string) error {
	if u.owner == nil {
		return nil
	}
	return u.root.Lchown(name, u.owner.UID, u.owner.GID)
}

func (u *unpacker) closeDirs() error {
	for i := len(u.dirs) - 1; i >= 0; i-- {
		if err := u.root.Chmod(u.dirs[i].name, u.dirs[i].mode); err != nil {
			return err
		}
	}
	return nil
}

// Pack writes dir as .tar.zst with the strongest compression. Names are sorted,
// owners and times left out, so equal trees give equal archives.
func Pack(w io.Writer, dir string) error {
	z, err := zstd.NewWriter(w,
		zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithWindowSize(windowBytes),
		zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	t := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		return packEntry(t, file, filepath.ToSlash(rel), d)
	})
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

func packEntry(t *tar.Writer, file, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Format: tar.FormatPAX}
	switch {
	case d.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		return t.WriteHeader(h)
	case info.Mode()&fs.ModeSymlink != 0:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = os.Readlink(file); err != nil {
			return err
		}
		return t.WriteHeader(h)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is neither file, directory nor link", name)
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(t, f)
	return err
}
