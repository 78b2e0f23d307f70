// Package e2e tests the client and the emulator against tools that nobody here wrote. It is a module of its own, so
// that what it needs stays out of the client's requirements. Run it with make e2e, which installs the tools.
package e2e
