package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/partnercenter-go/generatetoken/emulator"
)

// writeCertificate writes what a client has to trust, and returns where and how to remove it.
func (f *serveFlags) writeCertificate(server *emulator.Server) (path string, remove func(), err error) {
	dir, remove := f.certDir, func() {}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pctoken-"); err != nil {
			return "", nil, err
		}
		remove = func() { _ = os.RemoveAll(dir) }
	}
	path, err = filepath.Abs(filepath.Join(dir, "pctoken-emulator.pem"))
	if err != nil {
		return "", nil, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Authority().Raw})
	if err := replaceFile(path, certificate); err != nil {
		remove()
		return "", nil, fmt.Errorf("writing the certificate: %w", err)
	}
	return path, remove, nil
}

// replaceFile writes a file that everybody may read. Where path is a symbolic link, the link is replaced, and not what it
// points to.
func replaceFile(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".pctoken-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // there is none once it has its name
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
