package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Bounds of a form around its file.
const (
	maxFormParts  = 20
	maxFieldBytes = 64 << 10
	maxNameLetter = 255
)

// upload is a received form: the text of one file, and its other fields.
type upload struct {
	file   *os.File
	name   string
	size   int64
	fields map[string]string
}

// Close removes the file.
func (u *upload) Close() { _ = u.file.Close() } // nothing is kept

// textStart is the offset after a byte order mark at the beginning of a file,
// 0 if there is none.
func textStart(file io.ReaderAt) int64 {
	const mark = "\ufeff"
	head := make([]byte, len(mark))
	if n, _ := file.ReadAt(head, 0); string(head[:n]) == mark {
		return int64(n)
	}
	return 0
}

// receive reads a form whose file, in field "file", has one of the
// extensions. The file is written to disk as it arrives.
//
// It returns 400 INVALID_INPUT for a form that is malformed, lacks the file
// or has another one, for an extension or an encoding that is not supported,
// 413 STORAGE_INVALID_PARAMETER for a file that is too large, and 507 when
// the disk is full.
func (s *Service) receive(c rest.Context, extensions ...string) (_ *upload, err error) {
	form, err := c.Request().MultipartReader()
	if err != nil {
		return nil, fault.Invalid("The body is not a multipart form").
			Next("Send multipart/form-data with the file in the field \"file\".").Because(err)
	}
	u := &upload{fields: map[string]string{}}
	defer func() {
		if err != nil && u.file != nil {
			u.Close()
		}
	}()
	for range maxFormParts {
		part, err := form.NextPart()
		if err == io.EOF {
			return u, u.complete(extensions)
		}
		if err != nil {
			return nil, s.broken(err)
		}
		if part.FileName() == "" {
			err = u.readField(part)
		} else {
			err = s.readFile(u, part, extensions)
		}
		if err != nil {
			return nil, s.broken(err)
		}
	}
	return nil, fault.Invalid(fmt.Sprintf("The form has more than %d parts", maxFormParts))
}

func (u *upload) complete(extensions []string) error {
	if u.file == nil {
		return fault.Invalid("No file was uploaded").
			Next("Send the file in the field \"file\"; its name must end with " + strings.Join(extensions, " or ") + ".")
	}
	return nil
}

func (u *upload) readField(part *multipart.Part) error {
	value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
	if err != nil {
		return err
	}
	if len(value) > maxFieldBytes || !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0 {
		return fault.Invalid(fmt.Sprintf("Field %q must be UTF-8 text of at most %d bytes", part.FormName(), maxFieldBytes))
	}
	u.fields[part.FormName()] = string(value)
	return nil
}

func (s *Service) readFile(u *upload, part *multipart.Part, extensions []string) error {
	if part.FormName() != "file" || u.file != nil {
		return fault.Invalid(fmt.Sprintf("Unexpected file in field %q", part.FormName())).
			Next("Send exactly one file, in the field \"file\".")
	}
	u.name = cleanName(part.FileName())
	text := bufio.NewReader(part)
	head, _ := text.Peek(len(customFormat)) // an error is met again below
	if f := packed(head); f != nil {
		return f
	}
	if !slices.Contains(extensions, strings.ToLower(filepath.Ext(u.name))) {
		return fault.Invalid(fmt.Sprintf("Files of type %q are not supported", filepath.Ext(u.name))).
			Next("Send a file whose name ends with " + strings.Join(extensions, " or ") + ".")
	}
	f, err := os.CreateTemp(s.deps.TempDir, "upload-*")
	if err != nil {
		return fmt.Errorf("keep an upload: %w", err)
	}
	u.file = f
	// The file has no name from here on, so nothing is left behind.
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("keep an upload: %w", err)
	}
	limited := &io.LimitedReader{R: text, N: s.deps.MaxImportBytes + 1}
	u.size, err = io.Copy(io.MultiWriter(&textCheck{}, f), limited)
	if err == nil && u.size > s.deps.MaxImportBytes {
		return s.tooLarge(nil)
	}
	return err
}

// customFormat begins the dumps of pg_dump -Fc.
const customFormat = "PGDMP"

// packed returns the answer to a file that has to be unpacked first, judged by
// its first bytes, or nil.
func packed(head []byte) *fault.Error {
	if string(head) == customFormat {
		return fault.Invalid("The file is a dump in a format of pg_restore").
			Next("Make SQL of it: pg_restore --no-owner --no-privileges -f dump.sql, then the name of the file.")
	}
	for _, magic := range []string{"\x1f\x8b", "PK\x03\x04", "\x28\xb5\x2f\xfd", "BZh", "\xfd7zXZ"} { // gzip, zip, zstd, bzip2, xz
		if bytes.HasPrefix(head, []byte(magic)) {
			return fault.Invalid("The file is compressed").Next("Unpack it and send what was in it.")
		}
	}
	return nil
}

// broken is the answer to a form that cannot be received.
func (s *Service) broken(err error) error {
	var known *fault.Error
	var tooLarge *http.MaxBytesError
	var path *os.PathError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &tooLarge):
		return s.tooLarge(err)
	case errors.As(err, &path):
		if f := diskFull(err); f != nil {
			return f
		}
		return err
	}
	return fault.Invalid("The form could not be read to its end").Because(err)
}

func (s *Service) tooLarge(cause error) *fault.Error {
	return fault.New(http.StatusRequestEntityTooLarge, fault.StorageInvalidParameter,
		fmt.Sprintf("The file is larger than the limit of %d bytes", s.deps.MaxImportBytes)).
		Next("Send the file in smaller parts, or raise the limit with MAX_FILE_SIZE.").Because(cause)
}

// cleanName returns a file's name in a form that can be stored and shown.
func cleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "\ufffd"))
	if letters := []rune(name); len(letters) > maxNameLetter {
		return string(letters[len(letters)-maxNameLetter:]) // the extension stays
	}
	return name
}

// textCheck refuses what is written to it unless it is text: UTF-8 without
// NUL characters. A character that is cut off at the very end is left to the
// reader of the text.
type textCheck struct {
	offset int64
	rest   []byte // of an incomplete character
}

// Write implements io.Writer.
func (t *textCheck) Write(p []byte) (int, error) {
	if t.offset == 0 && len(p) > 1 && (p[0] == 0xff && p[1] == 0xfe || p[0] == 0xfe && p[1] == 0xff) {
		return 0, notText("The file is UTF-16, not UTF-8")
	}
	text := append(t.rest, p...)
	start := t.offset - int64(len(t.rest))
	whole := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if c := text[len(text)-back]; utf8.RuneStart(c) {
			if !utf8.FullRune(text[len(text)-back:]) {
				whole = len(text) - back
			}
			break
		}
	}
	if !utf8.Valid(text[:whole]) {
		i := 0
		for {
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			i += size
		}
		return 0, notText(fmt.Sprintf("The file is not UTF-8: byte %d", start+int64(i)+1))
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return 0, notText(fmt.Sprintf("The file is not text: byte %d is NUL", start+int64(i)+1))
	}
	t.offset += int64(len(p))
	t.rest = append(t.rest[:0:0], text[whole:]...)
	return len(p), nil
}

func notText(message string) *fault.Error {
	return fault.Invalid(message).Next("Save the file as UTF-8 text and send it again.")
}
