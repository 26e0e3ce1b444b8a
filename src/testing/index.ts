/**
 * For tests of what is built on Tutti or into it: fakes that obey the contracts, and the suites that hold real
 * implementations to them. Nothing here needs a particular test runner.
 * @module tutti/testing
 */
export { FakeClock } from './fake-clock.ts';
export { FakeBackend, type FakeBackendOptions, type FakeLoad, type FakeModelScript } from './fake-backend.ts';
export type { FakeCall } from './fake-model.ts';
export { type FakeAnswer } from './fake-answer.ts';
export { EventMonitor } from './event-monitor.ts';
export { collect, collectParts, summarize, type Collected, type CollectedChoice } from './collect.ts';
export { checkParts } from './check-parts.ts';
export { backendContract } from './backend-contract.ts';
export type {
  BackendContractSetup,
  ChatCase,
  ContractSubject,
  FaultCase,
  Feature,
  TestRunner,
} from './backend-contract-setup.ts';
export { createFakeUpstream, cutBytes, FakeUpstream, type UpstreamBehaviour } from './fake-upstream.ts';
export { type UpstreamModel, type UpstreamRequestRecord } from './fake-exchange.ts';
export { upstreamFaults, type UpstreamSubject } from './upstream-faults.ts';
export {
  runScripted,
  type MemberAnswer,
  type MemberCall,
  type MemberScript,
  type StrategyOutcome,
  type StrategyRun,
} from './strategy-runner.ts';
export { strategyContract, type StrategyContractSetup } from './strategy-contract.ts';
