#!/usr/bin/env node
/** `tutti`: the command line. Each command is loaded when it is called. */
import { enableCompileCache } from 'node:module';
enableCompileCache();

const { runCommandLine } = await import('./program.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
