/**
 * A diagnosis in a process of its own, for set-ups that are a matter of the process: its clock, its user, its network,
 * its packages. Arguments: options as JSON, and the user to become. LIBRARY is the compiled library. Prints JSON.
 */
const library = process.env.LIBRARY;
const { diagnoseStorage } = await import(new URL('doctor/index.js', library).href);
const [options, user] = process.argv.slice(2);
if (user !== undefined) {
  // Loaded before, since the other user may not read the project.
  await import(new URL('backends/local/index.js', library).href);
  process.setgroups([]);
  process.setgid(Number(user));
  process.setuid(Number(user));
}
process.stdout.write(JSON.stringify(await diagnoseStorage(JSON.parse(options))));
