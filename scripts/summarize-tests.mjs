// Adds up the JSON reports of several vitest runs and prints, as its last line, `N passed, N failed`.
//
//   node scripts/summarize-tests.mjs report.json …
//
// A report that is missing or unreadable, a file that did not load, and a run that failed outside its
// tests count as one failure each, so that nothing is lost between the tests.
import { readFileSync } from 'node:fs';

const reports = process.argv.slice(2);
const totals = { passed: 0, failed: 0 };

for (const path of reports) {
  const { passed, failed, notes } = summarize(path);
  totals.passed += passed;
  totals.failed += failed;
  console.log(`${path}: ${passed} passed, ${failed} failed`);
  for (const note of notes) console.log(`  ${note}`);
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;

function summarize(path) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return { passed: 0, failed: 1, notes: [`no report: ${error.message}`] };
  }
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const notes = tests
    .filter(({ status }) => status === 'failed')
    .map(({ fullName }) => `failed: ${fullName}`);
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  );
  notes.push(...unloaded.map(({ name }) => `failed outside its tests: ${name}`));
  // Tests are never skipped here; one that did not run has not passed.
  const idle = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
  notes.push(...idle.map(({ fullName }) => `did not run: ${fullName}`));
  if (notes.length === 0 && !report.success) notes.push('the run failed outside its tests');
  return { passed, failed: notes.length, notes };
}
