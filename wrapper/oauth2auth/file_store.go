package oauth2auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FileStore returns a Store in the file at path, for one machine. It is safe for concurrent use, by several processes
// too: the last one to save wins. A file that is missing, or empty, is no refresh token; white space around the token is
// dropped. FileStore panics if path is empty.
//
// Save replaces the file as a whole, so that a process killed at any moment leaves the old token or the new one; the
// folder has to be writable. The new file has mode 0600. Neither method follows a symbolic link at path: Load returns an
// error, and Save puts the file in its place.
func FileStore(path string) Store {
	if path == "" {
		panic(`oauth2auth: FileStore(""): pass the path of a file`)
	}
	return fileStore(path)
}

type fileStore string

// longest is how long, in bytes, a file is that may hold a refresh token. They have some 2,000.
const longest = 64 << 10

func (path fileStore) Load(context.Context) (string, error) {
	// What is no file, such as a pipe, is not opened: that could wait for ever.
	info, err := os.Lstat(string(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file, but a refresh token is read from no other", string(path))
	}
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(string(path), os.O_RDONLY|noFollow, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, longest+1))
	if err == nil && len(content) > longest {
		err = fmt.Errorf("%s holds more than %d bytes, so no refresh token", string(path), longest)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(content)), nil
}

func (path fileStore) Save(_ context.Context, refreshToken string) (err error) {
	folder, name := filepath.Split(string(path))
	folder = filepath.Clean(folder)
	removeLeftovers(folder, "."+name+".")
	// In the same folder, or it could not be renamed. CreateTemp makes a file of mode 0600 and follows no link.
	f, err := os.CreateTemp(folder, "."+name+".*"+temporary)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.WriteString(refreshToken + "\n"); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), string(path))
}

const temporary = ".tmp"

// removeLeftovers removes what processes left that were killed while they saved: there is a refresh token in it.
func removeLeftovers(folder, prefix string) {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		number, ours := strings.CutPrefix(strings.TrimSuffix(entry.Name(), temporary), prefix)
		if !ours || strings.Trim(number, "0123456789") != "" || !strings.HasSuffix(entry.Name(), temporary) {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > time.Minute {
			_ = os.Remove(filepath.Join(folder, entry.Name()))
		}
	}
}
