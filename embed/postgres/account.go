package postgres

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// serverUsers are the accounts that a server started by root may run as, best
// first. Package managers create "postgres"; "nobody" exists everywhere.
var serverUsers = []string{"insforge", "postgres", "nobody"}

// anonymousID is used where there is no password file at all, as in a container
// made from scratch. It is the kernel's overflow id, which owns nothing.
const anonymousID = 65534

// account is who the server runs as.
type account struct {
	uid, gid int
	name     string // "" when it has none
	drop     bool   // this program is root and must become uid
}

// accountFor chooses the account for the cluster in dir, which may not exist.
func accountFor(dir string) (account, error) {
	uid, gid := os.Geteuid(), os.Getegid()
	if uid != 0 {
		return account{uid: uid, gid: gid}, checkOwner(dir, uid)
	}
	if owner, group, ok := ownerOf(dir); ok && owner != 0 {
		return account{uid: owner, gid: groupOf(owner, group), drop: true}, nil
	}
	for _, name := range serverUsers {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil && uid != 0 {
			return account{uid: uid, gid: gid, name: name, drop: true}, nil
		}
	}
	return account{uid: anonymousID, gid: anonymousID, drop: true}, nil
}

// groupOf is the group for a server of user uid whose directory has group gid.
// It is never root's, which could open what root's group may.
func groupOf(uid, gid int) int {
	if gid != 0 {
		return gid
	}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		if own, err := strconv.Atoi(u.Gid); err == nil && own != 0 {
			return own
		}
	}
	return anonymousID
}

// checkOwner refuses a cluster of another user, which Postgres would refuse too.
func checkOwner(dir string, uid int) error {
	owner, _, ok := ownerOf(dir)
	if !ok || owner == uid {
		return nil
	}
	return &Error{Kind: KindPermission, Message: "the data directory " + dir +
		" belongs to another user (uid " + strconv.Itoa(owner) + "); start as that user or as root, or choose another one"}
}

// named reports whether the account is in the password file.
func (a account) named() bool {
	_, err := user.LookupId(strconv.Itoa(a.uid))
	return err == nil
}

// ownerOf returns who owns the directory dir; ok is false when there is none.
func ownerOf(dir string) (uid, gid int, ok bool) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return 0, 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(st.Uid), int(st.Gid), true
}

// attributes are what makes a command run as the account, with no groups but
// its own.
func (a account) attributes() *syscall.SysProcAttr {
	if !a.drop {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
}

// own gives path to the account, when that is another user.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// ownFile gives an open file to the account. Unlike a name, it cannot be
// swapped by the account's own processes meanwhile.
func (a account) ownFile(f *os.File) error {
	if !a.drop {
		return nil
	}
	return f.Chown(a.uid, a.gid)
}

// ownTree gives dir and all in it to the account.
func (a account) ownTree(dir string) error {
	if !a.drop {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return a.own(path)
	})
}

// reaches reports whether the account may enter every folder above path. It
// looks at plain permissions only; where other rules apply, it may wrongly
// return false.
func (a account) reaches(path string) bool {
	if !a.drop {
		return true
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || !a.enters(info) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

func (a account) enters(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	switch mode := info.Mode().Perm(); {
	case int(st.Uid) == a.uid:
		return mode&0o100 != 0
	case int(st.Gid) == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
